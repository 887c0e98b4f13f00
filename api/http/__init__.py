"""What the station API and the pages share: tokens, limits, problems, images, uploads."""
