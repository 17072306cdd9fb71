"""The ground floor: errors, files, commands, processes, config, the folder of a run; it knows no model and no clip."""
