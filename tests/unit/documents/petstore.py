"""One small shop in the three versions of OpenAPI that are read, to be compared with each other."""

import json
from typing import Any

Json = dict[str, Any]
PET: Json = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "id": {"type": "integer", "format": "int64"},
        "name": {"type": "string", "minLength": 1, "example": "doggie"},
        "parent": {"$ref": "#/components/schemas/Pet"},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}},
        "weight": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "nullable": True},
    },
}
ANSWER: Json = {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
STATUS: Json = {"type": "array", "items": {"type": "string", "enum": ["available", "sold"]}}
V3: Json = {
    "openapi": "3.0.3",
    "info": {"title": "Pets", "version": "1.0.0"},
    "servers": [{"url": "https://{region}.pets.example/v1/", "variables": {"region": {"default": "eu"}}}],
    "paths": {
        "/pets": {
            "get": {
                "operationId": "findPets",
                "parameters": [
                    {"name": "status", "in": "query", "required": True, "schema": STATUS},
                    {"name": "ids", "in": "query", "explode": False, "schema": {"type": "array", "items": {}}},
                    {"$ref": "#/components/parameters/Trace"},
                    {"name": "Accept", "in": "header", "required": True, "schema": {"type": "string"}},
                    {"name": "session", "in": "cookie", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {
                            "application/json; charset=utf-8": {
                                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}
                            }
                        },
                    },
                    "404": {"description": "none"},
                },
            },
            "post": {
                "operationId": "addPet",
                "summary": "A new pet",
                "requestBody": {"$ref": "#/components/requestBodies/Pet"},
                "responses": {"201": ANSWER, "default": {"description": "else"}},
            },
        },
        "/pets/{pet-id}/{part}": {
            "parameters": [{"name": "pet-id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "put": {
                "operationId": "setPart",
                "parameters": [{"name": "part", "in": "path", "required": True, "schema": {"type": "string"}}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"type": "array", "items": {"type": "integer"}}}},
                },
                "responses": {"204": {"description": "done"}},
            },
            "post": {
                "operationId": "rename",
                "parameters": [{"name": "part", "in": "path", "required": True, "schema": {"type": "string"}}],
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {"type": "object", "properties": {"name": {"type": "string"}}}
                        }
                    }
                },
                "responses": {"200": {"description": "done"}},
            },
        },
    },
    "components": {
        "parameters": {"Trace": {"name": "X-Trace", "in": "header", "schema": {"type": "string"}}},
        "requestBodies": {
            "Pet": {
                "required": True,
                "content": {
                    "text/csv": {"schema": {"type": "string"}},
                    "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}},
                },
            }
        },
        "schemas": {"Pet": PET, "Unused": {"$ref": "https://elsewhere.example/x.json"}},
    },
}


def in_3_1() -> Json:
    """What 3.1 writes otherwise: null as a type, bounds as numbers."""
    found: Json = json.loads(json.dumps(V3))
    found["openapi"] = "3.1.0"
    found["components"]["schemas"]["Pet"]["properties"]["weight"] = {"type": ["number", "null"], "exclusiveMinimum": 0}
    return found


V2: Json = {
    "swagger": "2.0",
    "info": {"title": "Pets", "version": "1.0.0"},
    "host": "eu.pets.example",
    "basePath": "/v1/",
    "schemes": ["http", "https"],
    "consumes": ["application/json"],
    "parameters": {"Trace": {"name": "X-Trace", "in": "header", "type": "string"}},
    "paths": {
        "/pets": {
            "get": {
                "operationId": "findPets",
                "parameters": [
                    {"name": "status", "in": "query", "required": True, "collectionFormat": "multi", **STATUS},
                    {"name": "ids", "in": "query", "type": "array", "items": {}},
                    {"$ref": "#/parameters/Trace"},
                ],
                "responses": {
                    "200": {
                        "description": "ok",
                        "schema": {"type": "array", "items": {"$ref": "#/definitions/Pet"}},
                    }
                },
            },
            "post": {
                "operationId": "addPet",
                "summary": "A new pet",
                "parameters": [
                    {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pet"}}
                ],
                "responses": {"201": {"description": "ok", "schema": {"$ref": "#/definitions/Pet"}}},
            },
        },
        "/pets/{pet-id}/{part}": {
            "parameters": [{"name": "pet-id", "in": "path", "required": True, "type": "integer"}],
            "put": {
                "operationId": "setPart",
                "parameters": [
                    {"name": "part", "in": "path", "required": True, "type": "string"},
                    {
                        "name": "parts",
                        "in": "body",
                        "required": True,
                        "schema": {"type": "array", "items": {"type": "integer"}},
                    },
                ],
                "responses": {"204": {"description": "done"}},
            },
            "post": {
                "operationId": "rename",
                "consumes": ["application/x-www-form-urlencoded"],
                "parameters": [
                    {"name": "part", "in": "path", "required": True, "type": "string"},
                    {"name": "name", "in": "formData", "type": "string"},
                ],
                "responses": {"200": {"description": "done"}},
            },
        },
    },
    "definitions": {"Pet": json.loads(json.dumps(PET).replace("#/components/schemas/", "#/definitions/"))},
}
VERSIONS = {"2.0": V2, "3.0": V3, "3.1": in_3_1()}
NAMES = ("findPets", "addPet", "setPart", "rename")
