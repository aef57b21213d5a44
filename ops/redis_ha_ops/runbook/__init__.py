"""The base of runbooks: plan, checks, confirmation, lease, steps that resume after a kill, history.

A runbook is plain data and plain functions (`plan.Runbook`); `running.start`, `resume` and `abort` carry it out.
"""
