"""The stage that turns hostile bytes into planes of pixels, inside walls."""
