"""Effects outside: the lanes that make calls for steps which asked for them.

An effect's way through this package:
handover – a step asks for its lane: a dispatch row, whose id is the idempotency key
claiming – a lane takes ready rows, fairly over accounts and hosts
preparing – gates and renders them in one transaction, with the contact as it is now
starting – one compare-and-set statement just before the calls start, which takes the slots of sending limits
waiting – who waits for a slot; holding_back – rows whose turn is later; doors – hosts that are down or had enough
lanes – the loop of one lane in one process; capacity – how many at a time; threads – what the calls run in
finishing – outcomes are written back and executions move on
recalling – an opt-out brings held messages back to the gate
recovering – what dead workers left; settling – what a person says of an unknown outcome
trial – one step tried for real, leaving no trace

Lock order, as everywhere: workflows, executions, contacts, then dispatch rows, then log rows. Whoever holds no
execution takes dispatch rows with SKIP LOCKED.
"""
