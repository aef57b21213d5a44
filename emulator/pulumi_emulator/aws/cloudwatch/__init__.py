"""The emulated CloudWatch: it keeps metrics, evaluates alarms by CloudWatch's rules, and runs their actions."""
