"""Dynamic programming over finite MDPs: values, policies and beliefs."""
