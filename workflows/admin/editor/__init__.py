"""The editor on a workflow's page: one file a concern, from opening to answering.

`opening` finds the workflow and asks the role; `board` reads what the page shows, `palette` what can be added;
`page`, `settings`, `steps`, `moving`, `triggers` and `states` are the doors, each calling one function of authoring;
`inputs` reads what they were sent, `answers` writes what they answer; `urls` lists their addresses.

The page is one board and one drawer. A change answers the whole board; a form that cannot be saved comes back in the
drawer with everything that was typed. Without JavaScript the same addresses answer whole pages.
"""
