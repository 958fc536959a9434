#![no_main]

spdm_fuzz::messages!(GetCapabilities, Capabilities);
