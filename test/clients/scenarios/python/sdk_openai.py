"""The Python SDK of OpenAI, through chat completions and Responses."""
import json

import openai

from shared import CODER, LOOKUP, PLANNER, WRITE, Tools, raised, result


def chat(context):
    tools_run = Tools()
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
                content = tools_run.run(call.function.name, json.loads(call.function.arguments))
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
    retried = client.chat.completions.create(model=context["busyModel"], messages=[{"role": "user", "content": "Again."}]).choices[0].message.content
    error = raised(lambda: client.chat.completions.create(model=context["noSuchModel"], messages=[{"role": "user", "content": "x"}]))
    return result(tools_run, [plan, code], streamed, left, retried, error)


def responses(context):
    tools_run = Tools()
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
                output = tools_run.run(call.name, json.loads(call.arguments))
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
    retried = client.responses.create(model=context["busyModel"], input="Again.").output_text
    error = raised(lambda: client.responses.create(model=context["noSuchModel"], input="x"))
    return result(tools_run, [plan, code], streamed, left, retried, error)


SCENARIOS = {"chat": chat, "responses": responses}
