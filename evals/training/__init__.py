"""How the seeds of an agent are trained, stage by stage, before it is judged."""
