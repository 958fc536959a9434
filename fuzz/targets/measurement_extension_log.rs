#![no_main]

spdm_fuzz::messages!(GetMeasurementExtensionLog, MeasurementExtensionLogPortion);
