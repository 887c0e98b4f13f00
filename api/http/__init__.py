"""What the station API and the desk share: tokens, limits, problems, page images, uploads."""
