"""The two agents that every scenario has, their tools, and what is told of an error."""
PLANNER = "You are the planner. Look things up before you plan."
CODER = "You are the coder. Write the plan down."
LOOKUP = {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"], "additionalProperties": False}
WRITE = {
    "type": "object", "properties": {"path": {"type": "string"}, "text": {"type": "string"}},
    "required": ["path", "text"], "additionalProperties": False,
}


class Tools:
    """Runs the tools and keeps what they were called with."""

    def __init__(self):
        self.calls = []

    def run(self, name, given):
        self.calls.append({"name": name, "input": given})
        return f"found {given['topic']}" if name == "lookup" else f"wrote {given['path']}"


TASK = {"type": "object", "properties": {"task": {"type": "string"}}, "required": ["task"], "additionalProperties": False}
SCHEMAS = {"lookup": LOOKUP, "write_file": WRITE}


def play_desk(context, ask):
    """Plays the application of desk.ts: `ask(agent, question, schemas, run)`; a tool that is named after an agent asks that agent."""
    def asked(agent, question):
        return ask(agent, question, {name: SCHEMAS.get(name, TASK) for name in agent["tools"]}, run)

    def run(name, given):
        for agent in context["desk"]:
            if name == "ask_" + agent["name"].replace(" ", "_"):
                return asked(agent, given["task"])
        return Tools().run(name, given)

    return asked(context["desk"][0], context["question"])


def raised(call):
    """Status and words of the error that an SDK raises."""
    try:
        call()
    except Exception as error:
        if getattr(error, "status_code", None) is None:
            raise
        request_id = getattr(error, "request_id", None)
        return {"status": error.status_code, "message": type(error).__name__ + (" " + request_id if request_id else "")}
    raise RuntimeError("no error was raised")


def result(tools, answers, streamed, left, retried, error):
    return {"toolCalls": tools.calls, "answers": answers, "streamed": streamed, "left": left, "retried": retried, "error": error}
