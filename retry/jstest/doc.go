// Package jstest is for tests.
package jstest
