package main

import (
	"bytes"
	"log"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/logging"
)

// layout is that of Lambda's own JSON logs. By level and timestamp Lambda filters lines whose log format is JSON:
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html.
func layout() logging.Layout {
	l := logging.Standard()
	l.Time, l.Message, l.Stack, l.LevelName = "timestamp", "message", "stackTrace", levelName
	return l
}

// levelName calls levels as Lambda does, which knows none above fatal and takes what it does not know for info.
func levelName(level logrus.Level) string {
	if level == logrus.PanicLevel {
		level = logrus.FatalLevel
	}
	return logging.Standard().LevelName(level)
}

// logLevel is the level of podinfo that comes next to one of Lambda's.
func logLevel(lambda string) string {
	if lambda == "TRACE" {
		return "debug"
	}
	return lambda
}

// logInvocations makes every line that is logged with an invocation's context name the invocation, and takes in what
// aws-lambda-go itself logs. It sets up the standard logger, for there is no other way to that.
func logInvocations(to *logrus.Logger) {
	to.ReplaceHooks(withIDs(to.Hooks))
	log.SetFlags(0)
	log.SetOutput(libraryLog{to})
}

// withIDs puts the hook that adds the ids before the others, which send lines elsewhere.
func withIDs(others logrus.LevelHooks) logrus.LevelHooks {
	hooks := make(logrus.LevelHooks)
	hooks.Add(invocationHook{})
	for level, later := range others {
		hooks[level] = append(hooks[level], later...)
	}
	return hooks
}

// invocationHook adds the ids of the invocation to a line.
type invocationHook struct{}

// Levels makes the hook run for all levels.
func (invocationHook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire adds the ids, but for those that the line has already.
func (invocationHook) Fire(entry *logrus.Entry) error {
	if entry.Context == nil {
		return nil
	}
	inv := invocationOf(entry.Context)
	if inv == nil {
		return nil
	}
	for name, value := range inv.ids(entry.Context) {
		if _, has := entry.Data[name]; !has {
			entry.Data[name] = value
		}
	}
	return nil
}

// libraryLog logs the lines of aws-lambda-go.
type libraryLog struct{ log *logrus.Logger }

// Write logs a line. That of an invocation which failed, in the form in which it is reported to Lambda, is left out: it
// does not say which one it is, as ours does.
func (l libraryLog) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte(`{"errorMessage":`)) {
		return len(line), nil
	}
	level := logrus.ErrorLevel // what it says before it ends the process
	if bytes.HasPrefix(line, []byte("WARNING")) {
		level = logrus.WarnLevel
	}
	l.log.WithField("logger", "aws-lambda-go").Log(level, string(bytes.TrimSpace(line)))
	return len(line), nil
}
