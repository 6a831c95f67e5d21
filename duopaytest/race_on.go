//go:build race

package duopaytest

// raceDetector says whether everything takes ten times as long.
const raceDetector = true
