"""What several processes share: rates and the epoch, in this process's memory or in Redis (`PATCHBAY_REDIS_URL`)."""
