"""Whole solves of simulated sets, judged by what the plate really shows.

worker     solves one set after the other with the code of a folder; a process of its own
ask        the other end of it
judge      right, wrong, said or silent: one row a solve
old_codes  what releases without codes mean by their sentences
tables     the rows counted, and what they prove
"""
