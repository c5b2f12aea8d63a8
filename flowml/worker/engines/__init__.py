"""Clusters that train for a worker: one seat for each trial that there is a place for, which leases a trial and has it
evaluated as a task of the cluster. What runs on its nodes is in `node`, `node_trainer` and `node_child`.
"""
