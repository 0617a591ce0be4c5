package launch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/sirupsen/logrus"
)

const (
	longestLine   = 4 << 10 // bytes of a plugin's line that are kept
	linesInSecond = 100     // of a plugin that are kept
)

// output is what one process writes, on its way to our log. A plugin cannot fill the log by writing much, nor is it
// held up by writing too much: the excess is counted, and the count is logged.
type output struct {
	log *logrus.Entry
	now func() time.Time

	mu      sync.Mutex
	second  time.Time // when the current second began
	lines   int       // of it
	dropped int       // of it
	panics  bool      // the process is about to die, and says why
	last    string    // line on stderr, or the one that says why the process is about to die
}

func newOutput(log *logrus.Entry) *output { return &output{log: log, now: time.Now} }

// take logs a line, or counts it as dropped.
func (o *output) take(stream string, line []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count() {
		o.write(stream, strings.ToValidUTF8(string(line), "�"))
	}
}

// admit counts a line that somebody else logs, and tells whether it may be.
func (o *output) admit() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count()
}

// count counts a line, and tells whether it is to be logged.
func (o *output) count() bool {
	if now := o.now(); now.Sub(o.second) >= time.Second {
		o.report()
		o.second, o.lines = now, 0
	}
	if o.lines++; o.lines > linesInSecond {
		o.dropped++
		return false
	}
	return true
}

// report says how many lines were dropped.
func (o *output) report() {
	if o.dropped > 0 {
		o.log.WithField("dropped", o.dropped).Warnf("The plugin wrote more than %d lines in a second", linesInSecond)
	}
	o.dropped = 0
}

// close reports what was dropped last.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.report()
}

func (o *output) write(stream, line string) {
	entry := o.log.WithField("stream", stream)
	if level, message, details, ok := structured(line); ok {
		if len(details) > 0 {
			entry = entry.WithField("details", details)
		}
		entry.Log(level, message)
		return
	}
	if tag := tagged.FindStringSubmatch(line); tag != nil {
		entry.Log(levelOf(tag[1]), tag[2])
		return
	}
	if !o.panics && dying.MatchString(line) {
		o.panics, o.last = true, line
	}
	if o.panics {
		entry.Error(line)
		return
	}
	if stream == "stderr" && line != "" {
		o.last = line
	}
	entry.Info(line)
}

// dying is a line with which Go's runtime begins to say why it ends the process, the latter two where it is linked with
// C. See https://github.com/golang/go/tree/master/src/runtime/cgo.
var dying = regexp.MustCompile(`^(?:panic|fatal error|runtime/cgo|SIG(?:ABRT|BUS|FPE|ILL|QUIT|SEGV|SYS|TRAP)): `)

// lastWords is what a process that has ended may have said about it, for the end of a message.
func (o *output) lastWords() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last == "" {
		return ""
	}
	return fmt.Sprintf(": %q", brief(o.last))
}

// structured reads a line as hclog writes it in JSON, and tells whether it is one.
func structured(line string) (level logrus.Level, message string, details map[string]any, ok bool) {
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &details) != nil {
		return 0, "", nil, false
	}
	name, _ := details["@level"].(string)
	message, ok = details["@message"].(string)
	if !ok {
		return 0, "", nil, false
	}
	for _, known := range []string{"@level", "@message", "@timestamp"} {
		delete(details, known)
	}
	return levelOf(name), message, details, true
}

// tagged is a line that begins with its level in brackets, perhaps after the time as package log has it. go-plugin and
// yamux write such lines in the plugin.
var tagged = regexp.MustCompile(`^(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?\[(TRACE|DEBUG|INFO|WARN|ERROR|ERR)\]:? +(.*)`)

// levelOf is our level for that of a plugin. None of them ends this process, as logrus's higher ones do.
func levelOf(name string) logrus.Level {
	if name == "ERR" {
		return logrus.ErrorLevel
	}
	switch hclog.LevelFromString(name) {
	case hclog.Trace, hclog.Debug:
		return logrus.DebugLevel
	case hclog.Warn:
		return logrus.WarnLevel
	case hclog.Error:
		return logrus.ErrorLevel
	default:
		return logrus.InfoLevel
	}
}

// writer returns a writer for one of the streams of the process. It never fails and never keeps more than a line.
func (o *output) writer(stream string) *lineWriter { return &lineWriter{output: o, stream: stream} }

// lineWriter cuts a stream into lines. It is for one goroutine.
type lineWriter struct {
	output *output
	stream string
	line   []byte
	cut    bool // the line was longer than what is kept of it
}

func (w *lineWriter) Write(b []byte) (int, error) {
	n := len(b)
	for {
		part, rest, ends := bytes.Cut(b, []byte{'\n'})
		w.keep(part)
		if !ends {
			return n, nil
		}
		w.flush()
		b = rest
	}
}

func (w *lineWriter) keep(part []byte) {
	room := longestLine - len(w.line)
	if len(part) > room {
		part, w.cut = part[:room], true
	}
	w.line = append(w.line, part...)
}

// flush logs what is there of a line.
func (w *lineWriter) flush() {
	line := bytes.TrimRight(w.line, "\r")
	if w.cut {
		line = append(line, "…"...)
	}
	if len(line) > 0 {
		w.output.take(w.stream, line)
	}
	w.line, w.cut = w.line[:0], false
}

// chatter is the logger for go-plugin itself, whose lines are of use to who debugs the host only.
func chatter(log *logrus.Entry) hclog.Logger {
	if !log.Logger.IsLevelEnabled(logrus.DebugLevel) {
		return hclog.NewNullLogger()
	}
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: debugWriter{log}, DisableTime: true})
}

// debugWriter logs each write, which is a line of hclog.
type debugWriter struct{ log *logrus.Entry }

func (w debugWriter) Write(line []byte) (int, error) {
	w.log.Debug("go-plugin: " + string(bytes.TrimSpace(line)))
	return len(line), nil
}
