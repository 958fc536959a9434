#![no_main]

spdm_fuzz::messages!(GetCertificate, Certificate);
