"""The local web application: a page and a JSON API over ``Detector``, its store and the exporters; it has no method of its own."""
