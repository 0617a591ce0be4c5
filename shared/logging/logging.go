// Package logging makes the logger that every part of podinfo gets. Each entry is a JSON object
// on one line, which is folded here:
//
//	{"level":"warn","ts":"2026-11-22T10:28:41.123Z","caller":"cache/redis.go:61","msg":"cache get failed",
//	"error":"EOF"}
//
// The keys level, ts, caller and msg are always there, stacktrace from level error on, then the fields of the entry in
// the order of the alphabet. People have dashboards and alerts on these names. A platform whose log viewer looks for
// other names gets a [Layout] of its own; the parts that log do not know about it.
//
// Every line that is logged is written. Thinning out repeated lines would hide how often something goes wrong, which
// is the first thing that is asked of a log; a line too many is left to the level.
package logging

import (
	"io"
	"strings"

	"github.com/sirupsen/logrus"
)

// New returns a logger that writes lines of the [Standard] layout to w, from level on: debug, info, warn, error, fatal
// or panic. Any other level means info. The logger may be used by several goroutines; it writes a line at a time.
func New(w io.Writer, level string) *logrus.Logger {
	return NewWithLayout(w, level, Standard())
}

// NewWithLayout is [New] with the names of another layout.
func NewWithLayout(w io.Writer, level string, layout Layout) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	log.SetLevel(parse(level))
	log.SetReportCaller(true)
	log.SetFormatter(&formatter{layout: layout})
	return log
}

func parse(level string) logrus.Level {
	switch strings.ToLower(strings.TrimSpace(level)) {
	case "debug":
		return logrus.DebugLevel
	case "warn":
		return logrus.WarnLevel
	case "error":
		return logrus.ErrorLevel
	case "fatal":
		return logrus.FatalLevel
	case "panic":
		return logrus.PanicLevel
	}
	return logrus.InfoLevel
}

// Layout names the parts of a line. A part without a name is left out.
type Layout struct {
	Level   string // key of the level
	Time    string // key of the time, ISO 8601 in UTC with milliseconds
	Caller  string // key of the place in the source, as directory/file.go:line
	Message string // key of the message
	Stack   string // key of the stack trace, from level error on

	// LevelName says how a level is called.
	LevelName func(logrus.Level) string

	// Fields returns the fields of an entry as the platform wants to see them. The entry itself stays as it is. Nil
	// leaves them alone.
	Fields func(*logrus.Entry) logrus.Fields
}

// Standard is the layout that podinfo logs in wherever the platform asks for nothing else.
func Standard() Layout {
	return Layout{
		Level: "level", Time: "ts", Caller: "caller", Message: "msg", Stack: "stacktrace",
		LevelName: levelName,
	}
}

// levelName calls the warning level warn, as the flag --level does, and the others as logrus does.
func levelName(level logrus.Level) string {
	if level == logrus.WarnLevel {
		return "warn"
	}
	return level.String()
}
