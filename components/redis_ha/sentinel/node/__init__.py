"""What runs on a node of a SentinelCluster: shipped verbatim to the machine, where it is the package `redis_ha_node`.

Standard library only (Python 3.11 of Debian 12 and newer), so that a node needs no package for it. Every decision is a plain
function on plain data (`placement`, `bootstrap`), every other module only reads, asks and does.
"""
