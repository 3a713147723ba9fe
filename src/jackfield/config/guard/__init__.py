"""The gate between what a provider's login returns and the user's config. Pure: no file, no network, no registry call.

A patch is read into plain values (`intake`), looked through for what no honest patch has (`hostile`), and then a new
value is *built* from the fields that are known (`fields`); what a plugin sent is never merged and inspected afterwards.
The rules are numbered G1 to G19; every diagnostic names its rule.

The gate keeps the contract. It does not contain code: a Python plugin in this process can open files by itself, and
only a process of its own holds a hostile one.
"""
