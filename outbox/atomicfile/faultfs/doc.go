// Package faultfs is a disk for tests that loses power: whatever was not synced
// can be gone afterwards, and in another order than it was written. A test that
// stops the world at every operation and looks at every disk that can be found
// then is what shows that code is durable; killing a process shows nothing of
// the kind, since the page cache survives it.
//
// It is not a stable API and belongs in no program that is not a test. It
// imitates one folder deep, has no permissions and no links.
package faultfs
