"""What servers remember beside Git: an index of exposures, leases, and shares that are held down. It only restrains."""
