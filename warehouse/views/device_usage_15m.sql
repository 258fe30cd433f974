-- Use of a GPU per quarter of an hour: the rollup for the days that are over, and for the others
-- the same computed from samples.
-- grain: that of device_15m
-- columns: those of device_15m, see the data dictionary
SELECT * FROM device_15m_closed
UNION ALL BY NAME
SELECT * FROM device_15m_open
