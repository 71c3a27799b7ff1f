"""Importing files of contacts: read in Python, carried by COPY into staging, merged set-based.

| you want to | read |
|---|---|
| accept another encoding or separator | `files.py` |
| map another heading | `columns.py` |
| read a cell in another way | `rows.py` |
| change who is the same person | `merging.py` |
| change what is written | `staging.py`, `writing.py` |
| change how a run survives its worker | `running.py` |
"""

from workflows.crm.imports.problems import problems_as_csv
from workflows.crm.imports.running import Progress, run_import
from workflows.crm.imports.starting import receive_file, start_import, unfinished_imports

__all__ = ["Progress", "problems_as_csv", "receive_file", "run_import", "start_import", "unfinished_imports"]
