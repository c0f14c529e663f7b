// Package live holds the tests that need a real engine: the real server on
// real bases, driven as OpenHands drives it. `make test` prepares what they
// stand on; run alone, they fail where that is missing.
package live
