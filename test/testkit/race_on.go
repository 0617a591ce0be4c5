//go:build race

package testkit

// raceDetector tells whether this test runs under the race detector.
const raceDetector = true
