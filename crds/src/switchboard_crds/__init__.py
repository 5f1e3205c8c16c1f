"""The API shared by all packages and with users: the Kubernetes kinds, their names and the metric names.

All other packages of this repository import this one, and it imports none of them. The CustomResourceDefinitions and
the reference pages are generated from the models here, so schema, documentation and code always agree.
"""
