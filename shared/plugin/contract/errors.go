package contract

import (
	"errors"
	"fmt"
	"time"
)

// The kinds of errors. Each comes wrapped in the words for the client.
var (
	// ErrNotFound says that there is no such plugin, cache key or configuration file.
	ErrNotFound = errors.New("not found")
	// ErrAmbiguous says that several plugins have the short name.
	ErrAmbiguous = errors.New("ambiguous")
	// ErrInvalid says that a value is none that can be carried to a plugin.
	ErrInvalid = errors.New("invalid value")
	// ErrTooLarge says that a value is larger than a plugin takes.
	ErrTooLarge = errors.New("value too large")
	// ErrRefused says that the plugin refused the value; the rest of the text is the plugin's.
	ErrRefused = errors.New("refused")
	// ErrReloading says that a reload of the plugin is running already.
	ErrReloading = errors.New("a reload is running already")
	// ErrBusy says that too many calls are in flight.
	ErrBusy = errors.New("too many calls in flight")
	// ErrDied says that the plugin's process or the connection to it ended during the call.
	ErrDied = errors.New("the plugin died during the call")
	// ErrAnswer says that the plugin's answer cannot be used: it is too large, or of a type that the host does not know.
	ErrAnswer = errors.New("unusable answer")
	// ErrTimeout says that the plugin did not answer in time.
	ErrTimeout = errors.New("the plugin did not answer in time")
	// ErrReadOnly says that the plugin's file cannot be deleted because the directory may not be written to.
	ErrReadOnly = errors.New("the plugin directory is read-only")
	// ErrBroken says that a plugin cannot be started from its file.
	ErrBroken = errors.New("the plugin cannot be started")
)

// UnavailableError says that the plugin takes no calls now.
type UnavailableError struct {
	Name       string
	State      State
	RetryAfter time.Duration // when it is worth another try
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("plugin %s is %s", e.Name, e.State)
}
