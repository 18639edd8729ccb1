# SPDX-License-Identifier: Apache-2.0
"""What the starter model can say: for each intent of CLINC150 its domain and a short reply, and what it answers beyond them.

The model cannot act, so a reply to a command says what was understood. The sentences are single tokens of its vocabulary:
an answer without slots is two tokens."""

UNDERSTOOD = {
    "banking": {
        "transfer": "transfer money", "transactions": "show your transactions", "balance": "tell your account balance",
        "freeze_account": "freeze the account", "pay_bill": "pay a bill", "bill_balance": "tell what a bill comes to",
        "bill_due": "tell when a bill is due", "interest_rate": "tell the interest rate", "routing": "tell the routing number",
        "min_payment": "tell the minimum payment", "order_checks": "order checks", "pin_change": "change a PIN",
        "report_fraud": "report a fraudulent charge", "account_blocked": "find out why the account is blocked",
        "spending_history": "show what was spent",
    },
    "credit_cards": {
        "credit_score": "tell your credit score", "report_lost_card": "report a lost or stolen card",
        "credit_limit": "tell the credit limit", "rewards_balance": "tell the balance of rewards",
        "new_card": "apply for a new card", "application_status": "tell the status of a card application",
        "card_declined": "find out why a card was declined", "international_fees": "tell the fees for using a card abroad",
        "apr": "tell the annual rate of a card", "redeem_rewards": "redeem rewards",
        "credit_limit_change": "change the credit limit", "damaged_card": "report a damaged card",
        "replacement_card_duration": "tell how long a replacement card takes",
        "improve_credit_score": "find ways to a better credit score", "expiration_date": "tell when a card expires",
    },
    "kitchen_and_dining": {
        "recipe": "find a recipe", "restaurant_reviews": "find reviews of a restaurant", "calories": "tell the calories",
        "nutrition_info": "tell the nutrition facts", "restaurant_suggestion": "suggest a restaurant",
        "ingredients_list": "list the ingredients", "ingredient_substitution": "find a substitute for an ingredient",
        "cook_time": "tell how long something cooks", "food_last": "tell how long food keeps",
        "meal_suggestion": "suggest a meal", "restaurant_reservation": "reserve a table",
        "confirm_reservation": "confirm a reservation", "how_busy": "tell how busy a restaurant is",
        "cancel_reservation": "cancel a reservation", "accept_reservations": "tell whether a restaurant takes reservations",
    },
    "home": {
        "shopping_list": "show the shopping list", "shopping_list_update": "change the shopping list",
        "next_song": "skip to the next song", "play_music": "play music", "update_playlist": "change a playlist",
        "todo_list": "show the to-do list", "todo_list_update": "change the to-do list", "calendar": "show the calendar",
        "calendar_update": "change the calendar", "what_song": "name the song that plays", "order": "order something",
        "order_status": "tell where an order is", "reminder": "show your reminders", "reminder_update": "set a reminder",
        "smart_home": "control a device at home",
    },
    "auto_and_commute": {
        "traffic": "tell about the traffic", "directions": "give directions", "gas": "tell how much fuel is left",
        "gas_type": "tell which fuel the car takes", "distance": "tell how far it is", "current_location": "tell where you are",
        "mpg": "tell the car's mileage", "oil_change_when": "tell when the oil change is due",
        "oil_change_how": "explain how to change the oil", "jump_start": "explain how to jump-start a car",
        "uber": "call a ride", "schedule_maintenance": "book a service for the car",
        "last_maintenance": "tell when the car was last serviced", "tire_pressure": "tell the tire pressure",
        "tire_change": "tell when the tires are due",
    },
    "travel": {
        "book_flight": "book a flight", "book_hotel": "book a hotel", "car_rental": "rent a car",
        "travel_suggestion": "suggest what to do there", "travel_alert": "look for travel alerts",
        "travel_notification": "tell your bank that you travel", "carry_on": "tell the rules for carry-on luggage",
        "timezone": "tell the time zone", "vaccines": "tell which vaccines are needed", "translate": "translate something",
        "flight_status": "tell the status of a flight", "international_visa": "tell whether a visa is needed",
        "lost_luggage": "find lost luggage", "plug_type": "tell which plug fits", "exchange_rate": "tell the exchange rate",
    },
    "utility": {
        "time": "tell the time", "alarm": "set an alarm", "share_location": "share your location", "find_phone": "find your phone",
        "weather": "tell the weather", "text": "send a text message", "spelling": "spell a word", "make_call": "make a call",
        "timer": "set a timer", "date": "tell the date", "calculator": "calculate", "definition": "define a word",
        "measurement_conversion": "convert between units", "flip_coin": "flip a coin", "roll_dice": "roll dice",
    },
    "work": {
        "direct_deposit": "set up direct deposit", "pto_request": "request days off", "taxes": "tell about your taxes",
        "payday": "tell when payday is", "w2": "find your W-2 form", "pto_balance": "tell the days off that are left",
        "pto_request_status": "tell the status of a request for days off", "next_holiday": "tell the next holiday",
        "insurance": "tell about your insurance", "insurance_change": "change your insurance",
        "schedule_meeting": "schedule a meeting", "pto_used": "tell the days off that are used",
        "meeting_schedule": "show your meetings", "rollover_401k": "roll over a 401(k)", "income": "tell your income",
    },
    "meta": {
        "change_ai_name": "change my name", "change_user_name": "change how you are called", "cancel": "cancel that",
        "reset_settings": "reset the settings", "whisper_mode": "change to or from whispering", "repeat": "say it again",
        "change_accent": "change my accent or voice", "change_language": "change the language",
        "change_volume": "change the volume", "change_speed": "change how fast I speak", "sync_device": "connect or disconnect a device",
        "user_name": "tell the name I know you by",
    },
}
PULL = "hearth pull llama3.2"
SAID = {
    "meta": {"yes": "Yes, understood.", "no": "No, understood.", "maybe": "Undecided, understood."},
    "small_talk": {
        "greeting": f"Hello! I am starter, the small model that comes with Hearth. A bigger one: {PULL}",
        "goodbye": "Goodbye!",
        "tell_joke": "Why did the token cross the context? To get to the other <end>.",
        "where_are_you_from": "From Hearth's repository: a script there trained me.",
        "how_old_are_you": "As old as the version of Hearth that you run.",
        "what_is_your_name": "starter, the small model that comes with Hearth.",
        "who_made_you": "The developers of Hearth, with a script in its training folder.",
        "thank_you": "You are welcome.",
        "what_can_i_ask_you": f"Short commands: alarms, weather, cards, travel, recipes and more. For all else, a bigger model: {PULL}",
        "what_are_your_hobbies": "None: I am a small language model.",
        "do_you_have_pets": "No pets: I am a small language model.",
        "are_you_a_bot": f"Yes, a small language model that comes with Hearth. A bigger one: {PULL}",
        "meaning_of_life": "People have found many meanings; a model this small has none to add.",
        "who_do_you_work_for": "For you: I run on your own machine.",
        "fun_fact": "Honey keeps for years; jars thousands of years old were found in tombs.",
    },
}
# Beyond CLINC150. Plain sentences, and JSON only where JSON is demanded.
BEYOND = {
    "out_of_scope": ("none", "I can't help with that: I am starter, the small model that comes with Hearth, and understand short "
                             f"commands only. A bigger model: {PULL}"),
    "about_hearth": ("none", "Hearth runs models on your machine and, where you allow it, elsewhere. I am starter, the small one that "
                             f"comes with it. A bigger one: {PULL}, then hearth run NAME"),
}


def table():
    """intent -> (domain, reply), of all intents that answer with JSON, in a fixed order."""
    out = {}
    for domain, intents in UNDERSTOOD.items():
        for name, what in intents.items():
            out[name] = (domain, f"Understood: {what}.")
    for domain, intents in SAID.items():
        for name, reply in intents.items():
            out[name] = (domain, reply)
    out.update(BEYOND)
    return out


def opening(intent):
    return f'{{"intent":"{intent}","domain":"{table()[intent][0]}","slots":{{'


def closing(intent):
    return f'}},"reply":"{table()[intent][1]}"}}'
