import { Command } from 'commander';
import { vi } from 'vitest';

type Register = (program: Command) => void;

/** What a command wrote. */
export interface Written {
  stdout: string;
  stderr: string;
}

/** Runs a command line in this process, its command found by the first word; a failure is thrown. */
export async function command(...args: string[]): Promise<Written> {
  const { register } = (await import(`../../lib/cli/${args[0]}.ts`)) as { register: Register };
  const program = new Command('vl-ltr').exitOverride().configureOutput({ writeErr: () => {} });
  register(program);
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += text;
      return true;
    }),
  );
  try {
    await program.parseAsync(args, { from: 'user' });
    return written;
  } catch (error) {
    if (error instanceof Error) error.message += `\n${written.stderr}`;
    throw error;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
