-- Use of a GPU per quarter of an hour: the rollup for the days that are over, and for the others
-- the same computed from samples.
-- Its columns are those of device_15m.
-- grain: that of device_15m
SELECT * FROM device_15m_closed
UNION ALL BY NAME
SELECT * FROM device_15m_open
