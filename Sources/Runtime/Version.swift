/// What `deeprfm --version` prints and config.json records.
public let version = "0.1.0"
