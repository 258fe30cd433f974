-- Use of a server per quarter of an hour: the rollup for the days that are over, and for the others
-- the same computed from samples.
-- grain: that of server_15m
-- columns: those of server_15m, see the data dictionary
SELECT * FROM server_15m_closed
UNION ALL BY NAME
SELECT * FROM server_15m_open
