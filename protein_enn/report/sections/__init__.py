"""The sections of a page, one file each: results in, markup out; what there is nothing of gives no markup."""
