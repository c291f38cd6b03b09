"""Resident memory of this process."""
import re
from pathlib import Path

PROC = Path('/proc/self')


def watch_memory():
    """Begins to watch; None where the system does not let it."""
    try:
        (PROC / 'clear_refs').write_text('5')  # sets the peak back to what is resident now
        before = resident('VmRSS')
    except OSError:
        return None
    return lambda: {'before': before, 'peak': resident('VmHWM')}


def resident(field):
    return int(re.search(rf'^{field}:\s+(\d+) kB$', (PROC / 'status').read_text(), re.M)[1]) * 1024
