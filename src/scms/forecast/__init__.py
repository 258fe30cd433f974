"""From hourly load to outlooks and chances: series, models, availability, backtest."""
