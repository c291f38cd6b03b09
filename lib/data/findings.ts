/** Something wrong with a data set. `problem`s stop training, `warning`s do not. */
export interface Finding {
  severity: 'problem' | 'warning';
  kind:
    | 'format'
    | 'structure'
    | 'official'
    | 'empty-class'
    | 'untrained-class'
    | 'missing'
    | 'unreadable'
    | 'text'
    | 'missing-split'
    | 'class-without-pictures'
    | 'no-text'
    | 'text-without-class'
    | 'duplicate'
    | 'leak'
    | 'contradiction'
    | 'ignored';
  message: string;
  /** The files or classes concerned. */
  items: string[];
}

/** Takes a finding. */
export type Note = (severity: Finding['severity'], kind: Finding['kind'], message: string, items?: string[]) => void;

/** Findings in the order of their severity, then as they were noted. */
export class Findings {
  private readonly noted: Finding[] = [];
  readonly note: Note = (severity, kind, message, items = []) => {
    this.noted.push({ severity, kind, message, items });
  };
  list(): Finding[] {
    const warns = ({ severity }: Finding): number => Number(severity === 'warning');
    return [...this.noted].sort((a, b) => warns(a) - warns(b));
  }
}
