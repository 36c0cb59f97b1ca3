"""The workbench's HTTP API: FastAPI for paths and parameters, the records of the floors below for everything else."""
