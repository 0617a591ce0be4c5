// Package contract holds what the two sides of a protocol plugin agree on, and what the host tells about the plugins
// that it runs: plain types and kinds of errors, without any transport. The API is written against it, so that a binary
// without a plugin host carries nothing of go-plugin.
package contract

import (
	"context"
	"time"
)

// Protocol is what a plugin does: it turns values into another form and back. Its methods are called concurrently.
//
// A value is nil, a bool, an int64, uint64 or float64, a string, a []byte, a []any or map[string]any of values, or of a
// Go type that both sides registered. What a client sends as raw bytes arrives as []byte; what it sends as JSON arrives
// as encoding/json would have it, but for whole numbers, which are int64 or uint64.
//
// An error refuses the value and is shown to the client, so that it should name what is wrong with it. ctx ends at the
// time by which the answer must be there, and carries the caller's trace.
type Protocol interface {
	// Info says what the plugin is. The host asks it once after each start.
	Info(ctx context.Context) (Info, error)
	// Encode turns value into the protocol's form, which is []byte for most.
	Encode(ctx context.Context, value any) (any, error)
	// Decode turns what Encode makes back into a value.
	Decode(ctx context.Context, value any) (any, error)
}

// Info is what a plugin says of itself.
type Info struct {
	Name        string `json:"name"`                  // of the protocol, for people: CBOR
	Version     string `json:"version,omitempty"`     // of the plugin
	Description string `json:"description,omitempty"` // a sentence
	ContentType string `json:"content_type"`          // of what Encode makes; empty is application/octet-stream
}

// Caller is the host as a plugin sees it through the broker. Its errors are ErrNotFound and whatever the host's cache
// has to say.
type Caller interface {
	// Log writes a line to the host's log under the plugin's name. The levels are those of the host: debug, info, warn
	// and error.
	Log(ctx context.Context, level, message string) error
	// CacheGet returns what the host's cache keeps under key, or ErrNotFound.
	CacheGet(ctx context.Context, key string) ([]byte, error)
	// CacheSet keeps value under key for ttl, or for good when ttl is not above zero.
	CacheSet(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Config returns the file called key of the host's --config-path, or ErrNotFound.
	Config(ctx context.Context, key string) (string, error)
}

// Manager is a host of plugins as the API sees it. A name is that of the plugin's file, or what follows its transport
// when only one plugin has that: protocol-grpc-cbor or cbor. Errors are those of this package for errors.Is and
// errors.As, or that of ctx.
type Manager interface {
	// List returns all plugins in the order of their names.
	List() []Status
	Get(name string) (Status, error)
	Encode(ctx context.Context, name string, value any) (any, error)
	Decode(ctx context.Context, name string, value any) (any, error)
	// Reload replaces the plugin's process by one of the file as it is now. When that fails the old one serves on.
	Reload(ctx context.Context, name string) (Status, error)
	// Kill ends the plugin's process, and returns once connection, process and socket are gone. It stays stopped until
	// Start, or until its file changes.
	Kill(ctx context.Context, name string) (Status, error)
	// Start starts a plugin that is stopped, failed or waiting to be restarted, and returns once it serves.
	Start(ctx context.Context, name string) (Status, error)
	// Delete kills the plugin and then deletes its file.
	Delete(ctx context.Context, name string) error
}
