#![no_main]

spdm_fuzz::messages!(GetVersion, Version);
