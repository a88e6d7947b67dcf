// Package manifest reads AppInstance documents from files, as kubectl would
// send them to an API server: unknown fields are refused, defaults filled in,
// and the schema's rules kept. It needs no cluster.
package manifest
