#![no_main]

spdm_fuzz::messages!(GetMeasurements, Measurements);
