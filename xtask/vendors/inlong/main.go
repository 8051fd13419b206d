// Sends messages with the vendor's Go client and says what became of each. The task comes as JSON on the standard input;
// the outcomes leave as a line of JSON each, in the order of the messages.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log"
	"os"
	"sync"
	"time"

	"github.com/apache/inlong/inlong-sdk/dataproxy-sdk-twins/dataproxy-sdk-golang/dataproxy"
)

type task struct {
	// Where node lists are asked for, without the group.
	Manager string `json:"manager"`
	Group   string `json:"group"`
	// Id and key for the Manager; none where they are empty.
	ID       string            `json:"id"`
	Key      string            `json:"key"`
	Columns  map[string]string `json:"columns"`
	Workers  int               `json:"workers"`
	Messages []message         `json:"messages"`
}

type message struct {
	Stream string `json:"stream"`
	Base64 string `json:"base64"`
}

type outcome struct {
	OK bool `json:"ok"`
	// The server's error code: 0 none, -1 where the failure was not the server's.
	Code  int    `json:"code"`
	Error string `json:"error,omitempty"`
}

type basic struct{ id, key string }

func (b basic) GetToken(context.Context, string) (string, string, error) {
	pair := base64.StdEncoding.EncodeToString([]byte(b.id + ":" + b.key))
	return "Authorization", "Basic " + pair, nil
}

func main() {
	out := json.NewEncoder(os.Stdout)
	// The client logs to the standard output.
	os.Stdout = os.Stderr
	var task task
	if err := json.NewDecoder(os.Stdin).Decode(&task); err != nil {
		log.Fatal(err)
	}
	outcomes, err := send(task)
	if err != nil {
		log.Fatal(err)
	}
	for _, outcome := range outcomes {
		if err := out.Encode(outcome); err != nil {
			log.Fatal(err)
		}
	}
}

func send(task task) ([]outcome, error) {
	options := []dataproxy.Option{
		dataproxy.WithURL(task.Manager),
		dataproxy.WithGroupID(task.Group),
		dataproxy.WithWorkerNum(task.Workers),
		dataproxy.WithSendTimeout(10 * time.Second),
		dataproxy.WithAddColumns(task.Columns),
	}
	if task.ID != "" {
		options = append(options, dataproxy.WithAuth(basic{task.ID, task.Key}))
	}
	client, err := dataproxy.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	outcomes := make([]outcome, len(task.Messages))
	var waiting sync.WaitGroup
	for at, message := range task.Messages {
		payload, err := base64.StdEncoding.DecodeString(message.Base64)
		if err != nil {
			return nil, err
		}
		waiting.Add(1)
		told := func(_ dataproxy.Message, err error) {
			outcomes[at] = outcome{OK: err == nil, Code: dataproxy.GetServerErrorCode(err)}
			if err != nil {
				outcomes[at].Error = err.Error()
			}
			waiting.Done()
		}
		client.SendAsync(context.Background(), dataproxy.Message{
			GroupID:  task.Group,
			StreamID: message.Stream,
			Payload:  payload,
		}, told)
	}
	waiting.Wait()
	return outcomes, nil
}
