"""The ground floor: errors, files, commands, processes, configs and the folder of a run. All rooms import it."""
