#![no_main]

spdm_fuzz::messages!(SetCertificate, SetCertificateRsp);
