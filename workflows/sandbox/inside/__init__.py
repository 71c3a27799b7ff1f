"""What runs in the processes of the sandbox: no part of the worker ever imports this package's `serve` or `cell`.

serve – the template: a process that gave up its rights, holds no data and forks a cell for each run
cell – one run: reads its request, locks itself in, evaluates, writes its answer, ends
locks – what giving up rights and locking in mean
evaluating – the script between two pieces of JSON; prelude.js – the part of it that is JavaScript
"""
