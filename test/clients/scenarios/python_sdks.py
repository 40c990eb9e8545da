"""What the scenarios beside this file do, with the Python SDK of OpenAI: prints the result as one line of JSON.

Arguments: openai-chat | openai-responses, and the context as JSON.
"""
import json
import sys

import openai

PLANNER = "You are the planner. Look things up before you plan."
CODER = "You are the coder. Write the plan down."
LOOKUP = {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"], "additionalProperties": False}
WRITE = {
    "type": "object", "properties": {"path": {"type": "string"}, "text": {"type": "string"}},
    "required": ["path", "text"], "additionalProperties": False,
}

tool_calls = []


def run_tool(name, given):
    tool_calls.append({"name": name, "input": given})
    return f"found {given['topic']}" if name == "lookup" else f"wrote {given['path']}"


def raised(call):
    try:
        call()
    except openai.APIStatusError as error:
        return {"status": error.status_code, "message": type(error).__name__ + (" " + error.request_id if error.request_id else "")}
    raise RuntimeError("no error was raised")


def openai_chat(context):
    client = openai.OpenAI(base_url=context["origin"] + "/v1", api_key="sk-test")
    model = context["model"]
    tool = lambda name, parameters: {"type": "function", "function": {"name": name, "parameters": parameters}}

    def agent(system, question, tools):
        messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        while True:
            message = client.chat.completions.create(model=model, messages=messages, tools=tools).choices[0].message
            messages.append(message)
            if not message.tool_calls:
                return message.content
            for call in message.tool_calls:
                content = run_tool(call.function.name, json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": content})

    plan = agent(PLANNER, "Plan the journey.", [tool("lookup", LOOKUP)])
    code = agent(CODER, plan, [tool("write_file", WRITE)])
    with client.chat.completions.stream(model=model, messages=[{"role": "user", "content": "Stream."}]) as stream:
        streamed = stream.get_final_completion().choices[0].message.content
    left = False
    with client.chat.completions.create(model=model, messages=[{"role": "user", "content": context["endless"]}], stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                left = True
                break
    error = raised(lambda: client.chat.completions.create(model=context["noSuchModel"], messages=[{"role": "user", "content": "x"}]))
    return [plan, code], streamed, left, error


def openai_responses(context):
    client = openai.OpenAI(base_url=context["origin"] + "/v1", api_key="sk-test")
    model = context["model"]
    tool = lambda name, parameters: {"type": "function", "name": name, "parameters": parameters, "strict": True}

    def agent(instructions, question, tools):
        given = [{"role": "user", "content": question}]
        while True:
            response = client.responses.create(model=model, instructions=instructions, input=given, tools=tools, store=False)
            calls = [item for item in response.output if item.type == "function_call"]
            if not calls:
                return response.output_text
            given += response.output
            for call in calls:
                output = run_tool(call.name, json.loads(call.arguments))
                given.append({"type": "function_call_output", "call_id": call.call_id, "output": output})

    plan = agent(PLANNER, "Plan the journey.", [tool("lookup", LOOKUP)])
    code = agent(CODER, plan, [tool("write_file", WRITE)])
    with client.responses.stream(model=model, input="Stream.") as stream:
        streamed = stream.get_final_response().output_text
    left = False
    with client.responses.create(model=model, input=context["endless"], stream=True) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                left = True
                break
    error = raised(lambda: client.responses.create(model=context["noSuchModel"], input="x"))
    return [plan, code], streamed, left, error


SCENARIOS = {"openai-chat": openai_chat, "openai-responses": openai_responses}

if __name__ == "__main__":
    answers, streamed, left, error = SCENARIOS[sys.argv[1]](json.loads(sys.argv[2]))
    print(json.dumps({"toolCalls": tool_calls, "answers": answers, "streamed": streamed, "left": left, "error": error}))
