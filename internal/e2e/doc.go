// Package e2e tests the whole product through its programs, as a user would: their
// command lines, their exit codes, what they print and what they leave behind.
package e2e
